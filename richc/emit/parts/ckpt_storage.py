"""Part: the storage of checkpoints: .safetensors and JSON, where torch's own has pickles."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint.metadata as md
from torch import Tensor
from torch.distributed.checkpoint.planner import LoadPlan, LoadPlanner, SavePlan, SavePlanner
from torch.distributed.checkpoint.storage import StorageReader, StorageWriter, WriteResult
from torch.futures import Future

from richc.emit.parts.readers import SAFE_TYPES, DataError, read_safetensors
from richc.emit.parts.saving import sync, write_safetensors

# ---- emitted from here on ----


class FolderWriter(StorageWriter):
    """A state as one .safetensors file a process, and ``state.json`` about all of them.

    torch's own writer keeps its metadata as a pickle, and reading a pickle runs what is in it.
    The folder appears complete, under its name, or not at all.
    """

    def __init__(self, path: Path, values: dict[str, Any]) -> None:
        self.path, self.values = path, values
        self.draft = path.with_name(f".{path.name}.draft")

    def reset(self, checkpoint_id: str | os.PathLike[str] | None = None) -> None:
        pass

    def set_up_storage_writer(self, is_coordinator: bool, *_: Any, **__: Any) -> None:
        pass

    def prepare_local_plan(self, plan: SavePlan) -> SavePlan:
        return plan

    def prepare_global_plan(self, plans: list[SavePlan]) -> list[SavePlan]:
        """In one process, before any writes: clear what killed runs left, name the files."""
        for left in self.path.parent.glob(".step-*"):
            shutil.rmtree(left, ignore_errors=True)
        self.draft.mkdir()
        files = (f"{rank:05}.safetensors" for rank in range(len(plans)))
        return [dataclasses.replace(p, storage_data=f) for p, f in zip(plans, files, strict=True)]

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        tensors = {}
        for item in plan.items:
            found = planner.resolve_data(item)
            # What is no tensor would become a pickle.
            assert isinstance(found, Tensor)
            tensors[key_of(item.index)] = found
        with (self.draft / plan.storage_data).open("wb") as file:
            write_safetensors(file, tensors, {})
        written = [WriteResult(item.index, 0, plan.storage_data) for item in plan.items]
        done: Future[list[WriteResult]] = Future()
        done.set_result(written)
        return done

    def finish(self, metadata: md.Metadata, results: list[list[WriteResult]]) -> None:
        """In one process, after all have written: only now does the state exist."""
        places = {r.index: r.storage_data for result in results for r in result}
        names = {dtype: name for name, dtype in SAFE_TYPES.items()}
        tensors = {}
        for name, about in metadata.state_dict_metadata.items():
            assert isinstance(about, md.TensorStorageMetadata)
            chunks = [
                [places[md.MetadataIndex(name, c.offsets)], list(c.offsets), list(c.sizes)]
                for c in about.chunks
            ]
            dtype = names[about.properties.dtype]
            tensors[name] = {"dtype": dtype, "shape": list(about.size), "chunks": chunks}
        with (self.draft / "state.json").open("w", encoding="utf-8") as file:
            json.dump(self.values | {"tensors": tensors}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        sync(self.draft)
        self.draft.replace(self.path)
        sync(self.path.parent)

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        return not checkpoint_id


class FolderReader(StorageReader):
    """What ``FolderWriter`` wrote: ``values``, and tensors on demand.  Raises DataError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.values: dict[str, Any] = json.loads((path / "state.json").read_bytes())
            self.metadata = self.parse(self.values["tensors"])
        except OSError as error:
            raise DataError(f"{path}: {error.strerror or error}") from None
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            raise DataError(f"{path}: damaged") from None

    def parse(self, tensors: dict[str, Any]) -> md.Metadata:
        known, places = {}, {}
        for name, about in tensors.items():
            chunks = []
            for file, offsets, sizes in about["chunks"]:
                chunks.append(md.ChunkStorageMetadata(torch.Size(offsets), torch.Size(sizes)))
                places[md.MetadataIndex(name, torch.Size(offsets))] = Path(file).name
            properties = md.TensorProperties(dtype=SAFE_TYPES[about["dtype"]])
            known[name] = md.TensorStorageMetadata(properties, torch.Size(about["shape"]), chunks)
        return md.Metadata(dict(known), storage_data=places)

    def shapes(self) -> dict[str, list[int]]:
        """By name, in the names' order: several processes write in any."""
        return {name: about["shape"] for name, about in sorted(self.values["tensors"].items())}

    def reset(self, checkpoint_id: str | os.PathLike[str] | None = None) -> None:
        pass

    def read_metadata(self, *_: Any, **__: Any) -> md.Metadata:
        return self.metadata

    def set_up_storage_reader(
        self, metadata: md.Metadata, is_coordinator: bool, *_: Any, **__: Any
    ) -> None:
        pass

    def prepare_local_plan(self, plan: LoadPlan) -> LoadPlan:
        return plan

    def prepare_global_plan(self, plans: list[LoadPlan]) -> list[LoadPlan]:
        return plans

    def read_data(self, plan: LoadPlan, planner: LoadPlanner) -> Future[None]:
        files = {self.metadata.storage_data[item.storage_index] for item in plan.items}
        for name in sorted(files):
            tensors = read_safetensors(self.path / name)
            for item in plan.items:
                if self.metadata.storage_data[item.storage_index] != name:
                    continue
                found = tensors[key_of(item.storage_index)]
                assert isinstance(found, Tensor)
                for axis, (start, length) in enumerate(
                    zip(item.storage_offsets, item.lengths, strict=True)
                ):
                    found = found.narrow(axis, start, length)
                wanted = planner.resolve_tensor(item).detach()
                wanted.copy_(found)
                planner.commit_tensor(item, wanted)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        return not checkpoint_id


def key_of(index: md.MetadataIndex) -> str:
    """A piece's name in its file: the tensor's own, but for pieces that begin elsewhere."""
    offsets = list(index.offset or [])
    return f"{index.fqn}@{offsets}" if any(offsets) else index.fqn
