"""What makes a picture, ours and others', behind one question: how long did each of the last k steps take?

Each contender is set up once and then asked again and again, in turn with the others. Steps are told apart by what a
tool calls once a step (its optimizer, a transform, a forward), so that setting up, drawing bars and showing pictures
is nobody's burden. Imports are local: a contender that is not installed says so and is left out.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from phosphene.memory import held


class Clock:
    """Call it once a step."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, *given: Any) -> Any:
        self.times.append(time.perf_counter())
        return given[0] if given else None

    def steps(self, action: Callable[[], Any]) -> list[float]:
        """Seconds between the calls that ``action`` makes."""
        self.times.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            action()
        return [after - before for before, after in pairwise(self.times)]


class Ours:
    """phosphene: ``batch`` channels of a layer together; seconds per picture.

    ``transform``: ``lucid`` shows the network 12 pixels more than the picture has, ``lucent`` as many.
    """

    def __init__(
        self,
        model: nn.Module,
        layer: str,
        size: int,
        batch: int,
        arithmetic: str | None = None,
        transform: str = "lucid",
    ) -> None:
        import phosphene as ph
        from phosphene.ascent import Ascent
        from phosphene.build import assemble
        from phosphene.declare import Options, declare, targets_of
        from phosphene.evidence import observe
        from phosphene.images import restart
        from phosphene.spec import Batch
        from phosphene.tap import Tap

        self.batch = batch
        self.network = ph.load(model, input_size=(3, 224, 224), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
        options = Options(image=ph.Fourier(size), steps=10**6, arithmetic=arithmetic, transform=transform)
        jobs = tuple(declare(self.network, one, options) for one in targets_of(f"{layer}:0..{batch - 1}"))
        self.arithmetic = jobs[0].arithmetic
        parts = assemble(Batch(jobs), self.network)
        begun = restart(parts.canvas.image, parts.stream.fold("image"), None)
        self._entered = [self.network.frozen(), Tap(self.network, parts.objective.layers),
                         Tap(self.network, parts.objective.layers, self.arithmetic,
                             parts.objective.channels)]  # fmt: skip
        _, exact, tap = (one.__enter__() for one in self._entered)
        if tap.why_plain is not None:
            raise RuntimeError(f"no fast path: {tap.why_plain}")
        frame = observe(exact, parts.canvas.decode(begun)).frame
        self._run = Ascent(tap, parts.objective, parts.canvas, parts.chain, parts.optimizer, parts.stream, frame,
                           redirect=0).run(begun, 10**6)  # fmt: skip

    def steps(self, count: int) -> list[float]:
        """Inside ``held``, as ``produce`` does it, so that the others run as they would alone."""
        clock = Clock()
        with held():
            next(self._run)  # memory was given back to the others
            found = clock.steps(lambda: [clock(next(self._run)) for _ in range(count + 1)])
        return [seconds / self.batch for seconds in found]

    def close(self) -> None:
        self._run.close()
        for one in reversed(self._entered):
            one.__exit__(None, None, None)


class Lucent:
    """``fixed``: the size that the network is shown; None: lucent's default, which enlarges all pictures to 224."""

    def __init__(self, model: nn.Module, layer: str, size: int, fixed: int | None) -> None:
        from lucent.optvis import param, render

        self.clock = Clock()

        def optimizer(parameters: Any) -> torch.optim.Optimizer:
            adam = torch.optim.Adam(parameters, lr=5e-2)
            adam.register_step_post_hook(lambda *_: self.clock())
            return adam

        def run(count: int) -> None:
            render.render_vis(
                model, f"{layer.replace('.', '_')}:0", lambda: param.image(size), optimizer, thresholds=(count + 1,),
                progress=False, show_image=False, fixed_image_size=fixed,
            )  # fmt: skip

        self._run = run

    def steps(self, count: int) -> list[float]:
        return self.clock.steps(lambda: self._run(count))


class Flashtorch:
    """It takes convolutions alone: the last one of the layer."""

    def __init__(self, model: nn.Module, layer: str, size: int) -> None:
        from flashtorch.activmax import GradientAscent

        self.clock = Clock()
        part = model.get_submodule(layer)
        self.layer = [module for module in part.modules() if type(module) is nn.Conv2d][-1]
        self.ascent = GradientAscent(model, img_size=size)

    def steps(self, count: int) -> list[float]:
        listener = self.layer.register_forward_hook(lambda *_: self.clock() and None)
        try:
            return self.clock.steps(lambda: self.ascent.optimize(self.layer, 0, num_iter=count + 1))
        finally:
            listener.remove()


class TorchDreams:
    def __init__(self, model: nn.Module, layer: str, size: int) -> None:
        from torch_dreams import Dreamer

        self.clock, self.size = Clock(), size
        self.dreamer = Dreamer(model, device="cpu", quiet=True)
        self.layer = model.get_submodule(layer)

    def steps(self, count: int) -> list[float]:
        def score(outputs: Any) -> torch.Tensor:
            self.clock()
            return -outputs[0][0].mean()  # channel 0: the batch dimension is gone

        return self.clock.steps(lambda: self.dreamer.render(layers=[self.layer], width=self.size, height=self.size,
                                                            iters=count + 1, custom_func=score))  # fmt: skip


class Horama:
    """``crops``: crops of one picture that it shows the network at each step, 6 by default."""

    def __init__(self, model: nn.Module, layer: str, size: int, crops: int = 6) -> None:
        import horama

        self.clock = Clock()
        found: list[torch.Tensor] = []
        model.get_submodule(layer).register_forward_hook(lambda m, given, output: found.append(output))

        def score(pictures: torch.Tensor) -> torch.Tensor:
            found.clear()
            model(pictures)
            self.clock()
            return found[0][:, 0].mean()

        self._run = lambda count: horama.fourier(score, total_steps=count, image_size=size, model_input_size=size,
                                                 crops_per_iteration=crops, device="cpu")  # fmt: skip

    def steps(self, count: int) -> list[float]:
        return self.clock.steps(lambda: self._run(count + 1))


def tensorflow() -> Any:
    """TensorFlow with the Keras that its tools were written for, on as many threads as PyTorch has here."""
    import os

    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    if not _started:  # TensorFlow takes this before its first work alone
        tf.config.threading.set_intra_op_parallelism_threads(torch.get_num_threads())
        tf.config.threading.set_inter_op_parallelism_threads(1)
        _started.append(True)
    return tf


_started: list[bool] = []


class TfKerasVis:
    """TensorFlow: one picture, since it knows no batch of different channels."""

    def __init__(self, network: str, layer: str, size: int) -> None:
        tf = tensorflow()
        from tf_keras_vis.activation_maximization import ActivationMaximization
        from tf_keras_vis.activation_maximization.callbacks import Callback

        model = getattr(tf.keras.applications, network)(weights=None, input_shape=(size, size, 3), include_top=False)
        part = tf.keras.Model(model.inputs, model.get_layer(layer).output)
        self.clock = clock = Clock()

        class Tick(Callback):
            def __call__(self, *given: Any, **named: Any) -> None:
                clock()

        maximise = ActivationMaximization(part, clone=False)
        self._run = lambda count: maximise(
            lambda output: tf.reduce_mean(output[..., 0]), steps=count, callbacks=[Tick()]
        )

    def steps(self, count: int) -> list[float]:
        return self.clock.steps(lambda: self._run(count + 1))


class Xplique:
    """TensorFlow: a network of keras.applications, random weights, the layer by its Keras name."""

    def __init__(self, network: str, layer: str, size: int, batch: int) -> None:
        tf = tensorflow()
        from xplique.features_visualizations import Objective, optimize

        model = getattr(tf.keras.applications, network)(weights=None, input_shape=(size, size, 3), include_top=False)
        self.clock, self.batch = Clock(), batch
        goal = Objective.channel(model, layer, list(range(batch)))
        clock = self.clock

        class Adam:
            def __init__(self) -> None:
                self.inner = tf.keras.optimizers.Adam(0.05)

            def apply_gradients(self, pairs: Any) -> None:
                self.inner.apply_gradients(pairs)
                clock()

        self._run = lambda count: optimize(goal, Adam(), nb_steps=count + 1)

    def steps(self, count: int) -> list[float]:
        # the first steps of each call compile; they are dropped
        return [seconds / self.batch for seconds in self.clock.steps(lambda: self._run(count + 2))[2:]]
