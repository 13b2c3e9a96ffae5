"""Folders of colour and depth frames in the layouts of data sets and of apps: `scan.read_scan` reads them all."""
