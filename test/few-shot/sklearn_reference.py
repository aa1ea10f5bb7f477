"""scikit-learn's logistic regression on the embeddings that run.mjs has left in .cache/few-shot.

    pip install scikit-learn && python test/few-shot/sklearn_reference.py

Standardised features, the penalty chosen by 4-fold cross-validation among the same values as in
src/runtime/teach/logistic-regression.ts; and, beside it, with scikit-learn's default penalty (C = 1).
"""

import json
import pathlib

import numpy as np
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

PENALTIES = [0.0003, 0.003, 0.03, 0.3]
FOLDER = pathlib.Path(__file__).parents[2] / ".cache/few-shot"


def accuracy(model, x, y, test_x, test_y):
    fitted = make_pipeline(StandardScaler(), model).fit(x, y)
    return np.mean(fitted.predict(test_x) == test_y)


print("| features | examples a class | penalty by cross-validation | C = 1 |\n|---|---|---|---|")
for description in sorted(FOLDER.glob("*.json")):
    case = json.loads(description.read_text())
    features = np.fromfile(description.with_suffix(".f32"), np.float32).reshape(-1, case["columns"])
    labels = [np.array(part) for part in case["labels"]]
    parts = np.split(features, np.cumsum([len(part) for part in labels])[:-1])
    (test_x, *draws), (test_y, *draw_labels) = parts, labels
    for count in reversed(case["counts"]):
        scores = []
        for x, y in zip(draws, draw_labels):
            # The first of each class, as run.mjs keeps them.
            kept = np.concatenate([np.flatnonzero(y == k)[:count] for k in np.unique(y)])
            chosen = LogisticRegressionCV(
                Cs=PENALTIES, cv=4, scoring="neg_log_loss", max_iter=5000, l1_ratios=(0,), use_legacy_attributes=False
            )
            default = LogisticRegression(max_iter=5000)
            scores.append([accuracy(model, x[kept], y[kept], test_x, test_y) for model in (chosen, default)])
        by_validation, at_one = np.mean(scores, axis=0)
        print(f"| {case['name']} | {count} | {by_validation:.1%} | {at_one:.1%} |")
