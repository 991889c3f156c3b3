def soak(*a): return 0
