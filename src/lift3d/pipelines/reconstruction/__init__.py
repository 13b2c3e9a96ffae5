"""The parts of a reconstruction from photos: options and inputs, the measured and the predicted model, real size, solidity,
and the report. `lift3d.pipelines.reconstruct` puts them together."""
