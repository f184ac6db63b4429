"""Pictures of what richc decides and measures, drawn with matplotlib, which only they import."""
