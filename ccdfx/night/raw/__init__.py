"""Raw frames of a night: read, and prepared for calibration."""
