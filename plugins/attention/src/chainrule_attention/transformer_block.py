"""A block of a transformer, as a table of layers."""

from __future__ import annotations

from typing import Any

from chainrule import boolean, positive_int


def transformer_block(units: int, heads: int = 1, causal: bool = False, hidden: int | None = None) -> dict[str, Any]:
    """Return the table of a pre-norm block for sequences of `units` features: x + attention, and then x + a net.

    Formula:  u = x + self_attention(layer_norm(x)), y[t] = u[t] + W_2 gelu(W_1 layer_norm(u[t]) + b_1) + b_2
    Shapes:   x and y (B, T, units); `hidden` features between W_1 and W_2, 4 times as many as units unless it is given.
    Raises:   SettingError.
    Source:   Vaswani et al. (2017), Attention is all you need, section 3; Xiong et al. (2020), On layer normalization
              in the transformer architecture, figure 1(b), for the norm before.

    It takes `layer_norm` of chainrule-norm, and `gelu` and `affine` of chainrule-affine, by name.
    """
    positive_int("units", units)
    positive_int("heads", heads)
    boolean("causal", causal)
    inner = 4 * units if hidden is None else positive_int("hidden", hidden)

    def residual(*layers: dict[str, Any]) -> dict[str, Any]:
        chain = {"use": "chainrule:Chain", "layers": [{"use": "layer_norm"}, *layers]}
        return {"use": "chainrule:Residual", "inner": chain}

    def each(count: int) -> dict[str, Any]:
        return {"use": "chainrule:EachPosition", "inner": {"use": "affine", "units": count}}

    attention = residual({"use": "self_attention", "heads": heads, "causal": causal})
    return {"use": "chainrule:Chain", "layers": [attention, residual(each(inner), {"use": "gelu"}, each(units))]}
