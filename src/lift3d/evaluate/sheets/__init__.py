"""Pictures of evaluation results: inputs, predictions and ground truth side by side."""
