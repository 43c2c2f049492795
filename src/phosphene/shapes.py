"""The shapes of this field as types: checked at run time in the tests, read by people everywhere else."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

Images = Float[Tensor, "b c h w"]
Scores = Float[Tensor, "b"]
Rows = Bool[Tensor, "b"]
Matrices = Float[Tensor, "b 3 3"]
Seen = Float[Tensor, "b c y x"]  # pictures after a transform, of another size
