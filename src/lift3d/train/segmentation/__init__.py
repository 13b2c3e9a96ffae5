"""Training of segmentation networks on a folder of volumes and label maps: reading of cases, fingerprint and plan of the data,
folds, patches, augmentation, and pictures synthesised from label maps."""
