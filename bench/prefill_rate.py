"""How near a prefill comes to the rate of the machine's own matrix product: FLOP/s over those of `torch.matmul`.

    python bench/prefill_rate.py

Width 1024, fp32, one thread; prefill and product take turns, medians of three. What is missing goes into attention's
softmax, norms, rotary embedding and copies.
"""

import torch
from common import RandomModel, alternate

from infohorizon.engine import prefill
from infohorizon.study.cost import layer_flops

PRODUCTS = 20  # of a measurement


def share(model: RandomModel, repeats: int = 3) -> float:
    """FLOP/s of all layers but the last, of which a prefill computes less, over those of a product of their width."""
    prompt, width = model.question, model.shape.width
    total, last = len(prompt.embeddings), model.shape.layers - 1
    a, b = torch.randn(total, width), torch.randn(width, width)

    def products() -> None:
        for _ in range(PRODUCTS):
            a @ b

    def layers() -> None:
        prefill(model.language_model, prompt).hidden(last)

    products()
    product_seconds, layer_seconds = alternate(products, layers, repeats)
    peak = PRODUCTS * 2 * total * width**2 / product_seconds
    return last * layer_flops(model.shape, total) / layer_seconds / peak


def main() -> None:
    torch.set_num_threads(1)
    model = RandomModel(width=1024, depth=4, side=24, text=40)
    print(f"A prefill at width {model.shape.width}, fp32, runs at {share(model):.0%} of torch.matmul's rate.")


if __name__ == "__main__":
    main()
