"""What factories may return beside the plain four: Lightning modules, Hugging Face models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

PARTS = ("model", "optimizer", "batch", "loss", "scheduler")


def unpacked(made: Any) -> dict[str, Any]:
    """The parts of what a factory returned, by name: of a mapping, a tuple or an object."""
    if isinstance(made, Mapping):
        parts = {key: made[key] for key in PARTS if key in made}
    elif hasattr(made, "_asdict"):
        parts = {k: v for k, v in made._asdict().items() if k in PARTS}
    elif isinstance(made, tuple | list):
        parts = dict(zip(PARTS, made, strict=False))
        if len(made) == 2 and _is_lightning(made[0]):
            parts = {"model": made[0], "batch": made[1]}
    else:
        parts = {key: getattr(made, key) for key in PARTS if hasattr(made, key)}
        if isinstance(made, nn.Module):
            parts = {"model": made}
    if _is_lightning(parts.get("model")) and parts.get("loss") is None:
        return _lightning(parts)
    return parts


def batch_of(model: nn.Module, batch: Any) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Positional and named arguments of the model."""
    if isinstance(batch, Mapping):
        named = dict(batch)
        takes_labels = hasattr(model, "config") and "input_ids" in named
        if takes_labels and "labels" not in named and hasattr(model, "get_output_embeddings"):
            named["labels"] = named["input_ids"]
        return (), named
    return (tuple(batch) if isinstance(batch, tuple | list) else (batch,)), {}


def own_loss(output: Any) -> Tensor | None:
    """``output.loss``, ``output["loss"]``, or the only scalar that the model returns."""
    found = getattr(output, "loss", None)
    if found is None and isinstance(output, Mapping):
        found = output.get("loss")
    if found is None:
        flat = output if isinstance(output, tuple | list) else [output]
        scalars = [t for t in flat if isinstance(t, Tensor) and t.ndim == 0]
        found = scalars[0] if len(scalars) == 1 else None
    return found if isinstance(found, Tensor) else None


def _is_lightning(model: Any) -> bool:
    """Whether it is trained as Lightning modules are; Lightning itself is not imported for that."""
    return isinstance(model, nn.Module) and all(
        callable(getattr(model, name, None)) for name in ("configure_optimizers", "training_step")
    )


class _TrainingStep(nn.Module):
    """A Lightning module that is called with a batch and gives its loss."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: Any) -> Any:
        found = self.module.training_step(batch, 0)  # type: ignore[operator]
        return found if isinstance(found, Tensor) else found["loss"]

    def named_parameters(self, *_: Any, **__: Any) -> Any:
        """Under the names that they have in the module itself."""
        return self.module.named_parameters()

    def named_modules(self, *_: Any, **__: Any) -> Any:
        return self.module.named_modules()


def _lightning(parts: dict[str, Any]) -> dict[str, Any]:
    module = parts["model"]
    # Logging asks for a trainer, which there is none of.
    module.log = module.log_dict = lambda *_, **__: None
    optimizers, schedulers = _configured(module.configure_optimizers())
    optimizer = parts.get("optimizer", optimizers)
    scheduler = parts.get("scheduler", schedulers[0] if schedulers else None)
    known = {"model": _TrainingStep(module), "optimizer": optimizer, "scheduler": scheduler}
    return known | ({"batch": (parts["batch"],)} if "batch" in parts else {})


def _configured(found: Any) -> tuple[list[Any], list[Any]]:
    """Optimizers and schedulers, of all that ``configure_optimizers`` may return."""
    if isinstance(found, Mapping):
        schedulers = [found["lr_scheduler"]] if "lr_scheduler" in found else []
        return [found["optimizer"]], [_scheduler(s) for s in schedulers]
    if isinstance(found, tuple | list) and len(found) == 2 and isinstance(found[0], list):
        return list(found[0]), [_scheduler(s) for s in found[1]]
    several = list(found) if isinstance(found, tuple | list) else [found]
    if several and isinstance(several[0], Mapping):
        pairs = [_configured(one) for one in several]
        return [o for p in pairs for o in p[0]], [s for p in pairs for s in p[1]]
    return several, []


def _scheduler(found: Any) -> Any:
    return found["scheduler"] if isinstance(found, Mapping) else found


def outputs_of(output: Any) -> list[Tensor]:
    """The tensors of numbers that are no scalars; what is called logits is the first."""
    if isinstance(output, Tensor):
        return [output] if output.is_floating_point() and output.ndim else []
    if isinstance(output, Mapping):
        named = dict(output)
        output = [named.pop("logits", None), *named.values()]
    elif hasattr(output, "__dataclass_fields__"):
        return outputs_of({name: getattr(output, name) for name in output.__dataclass_fields__})
    elif hasattr(output, "logits"):
        return outputs_of(vars(output))
    is_several = isinstance(output, tuple | list)
    return [tensor for one in output for tensor in outputs_of(one)] if is_several else []


def cast(value: Any, dtype: torch.dtype) -> Any:
    """A batch with its floating-point tensors in another precision, however nested."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, Mapping):
        return {key: cast(one, dtype) for key, one in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(cast(one, dtype) for one in value))
    if isinstance(value, tuple | list):
        return type(value)(cast(one, dtype) for one in value)
    return value


def tensors(value: Any) -> list[Tensor]:
    """All tensors of a batch."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        return [t for one in value.values() for t in tensors(one)]
    if isinstance(value, tuple | list):
        return [t for one in value for t in tensors(one)]
    return []
