"""The embedded network, in two trainings; see the model cards beside this file."""

CARDS = {"miniception": "robust.md", "miniception-plain": "plain.md"}
SIZE = (3, 64, 64)
MEAN, STD = (0.48, 0.45, 0.40), (0.28, 0.27, 0.28)
