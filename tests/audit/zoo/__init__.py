"""Networks, right and wrong, with what is known of each: what ``richc audit`` is judged by."""

from tests.audit.zoo import gpt, libraries, mlp, rarer, unusual, vision

CASES = (
    *mlp.ADAM,
    *mlp.LIBRARY,
    *mlp.SGD,
    *gpt.CASES,
    *libraries.HUGGING_FACE,
    *libraries.TIMM,
    *libraries.ENCODERS,
    *vision.CASES,
    *unusual.OPTIMIZERS,
    *unusual.SCHEDULERS,
    *unusual.NETWORKS,
    *rarer.CASES,
)
