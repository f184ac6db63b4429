"""Which names a layer or a model may have.

A layer becomes an attribute of a PyTorch module and a model becomes a class, so names that
Python or ``torch.nn.Module`` already uses would break, or silently replace, something.
"""

from __future__ import annotations

import keyword

#: Public attributes of torch.nn.Module (a test compares them with the installed torch).
_MODULE_ATTRIBUTES = frozenset(
    """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu
    cuda double dump_patches eval extra_repr float forward get_buffer get_extra_state
    get_parameter get_submodule half ipu load_state_dict modules mtia named_buffers
    named_children named_modules named_parameters parameters register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
    register_parameter register_state_dict_post_hook register_state_dict_pre_hook
    requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty
    train training type xpu zero_grad
    """.split()
)

#: Attributes of the emitted class.
_OWN_ATTRIBUTES = frozenset(
    "width richness gamma alpha layers reset_parameters param_groups make_optimizer".split()
)


MAX_NAME = 100


def refusal(name: str) -> str | None:
    """Why a layer or model cannot have this name, or None."""
    if keyword.iskeyword(name):
        return "it is a word of Python"
    if name.startswith("_"):
        return "names that begin with `_` are the module's own"
    if name in _MODULE_ATTRIBUTES:
        return "every PyTorch module has an attribute of this name"
    if name in _OWN_ATTRIBUTES:
        return "the compiled module has an attribute of this name"
    if len(name) > MAX_NAME:
        return f"it is longer than {MAX_NAME} characters"
    return None
