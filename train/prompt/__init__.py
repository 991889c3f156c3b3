"""Fitting of prompts."""
