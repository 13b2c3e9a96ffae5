"""Medical volumes and label maps in files: DICOM, NIfTI, NRRD and MetaImage are read, NIfTI and NRRD written.

`reading.read_volume`, `label_maps.read_labels` and `reading.list_series` are the entrances; `nifti_writer` and `nrrd_writer`
write. Files are untrusted: sizes are bounded before memory is taken, and data files lie in the folder of their header.
"""
