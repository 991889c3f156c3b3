"""Figures for edits by words: does it arrive, does anything else move, is it still the same person?"""
