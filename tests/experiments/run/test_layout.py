from timbrebench.classifier.style import style_pipeline
from timbrebench.experiments.run.layout import EVALUATION, JUDGE, JUDGE_FILE


def test_the_judge_lies_where_training_writes_it():
    assert f"{JUDGE}/{style_pipeline.JUDGE_FILE}" == JUDGE_FILE
    assert f"{JUDGE}/{style_pipeline.EVALUATION_FILE}" == EVALUATION
