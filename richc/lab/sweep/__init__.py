"""Sweeps: many trainings of one model that differ in width, seed and one hyperparameter."""
