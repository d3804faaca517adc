"""Graphics cards as the plan and bench/roofline.py take them. No torch.

Peaks are dense ones (without sparsity) from NVIDIA's data sheets: A100 80GB SXM (2021), H100 SXM5 (2023), H200 SXM
(2024), L40S (2023), and the Ada Lovelace architecture whitepaper for the RTX 4090 (16-bit products summed in fp32).
Efficiencies are assumptions, not measurements of this project: large 16-bit products reach about 70 % of an A100's
peak and 50 to 65 % of an H100's, which runs into its power limit; attention kernels reach about half of what products
do; streaming kernels reach about 80 % of the memory bandwidth.
"""

from typing import NamedTuple


class Card(NamedTuple):
    """What a card does in a second.

    Attributes:
        half, single, double: peak FLOP/s of matrix products in 16, 32 (without TF32) and 64 bit.
        bandwidth, memory: bytes per second, and bytes.
        products, attention, streaming: the share of the peak that products and attention reach, and of the bandwidth.
        launch: seconds that PyTorch takes to launch a kernel from Python; about 5 to 10 µs on servers' processors.
        wait: seconds until the processor continues after it waited for the card or copied to or from it.
    """

    half: float
    single: float
    double: float
    bandwidth: float
    memory: float
    products: float
    attention: float
    streaming: float = 0.8
    launch: float = 7e-6
    wait: float = 15e-6


SINGLE = 0.7
"""Share of the peak that 32-bit and 64-bit products reach, which do without tensor cores; assumed."""

CARDS = {
    "H100": Card(989e12, 67e12, 34e12, 3.35e12, 80e9, products=0.5, attention=0.25),
    "H200": Card(989e12, 67e12, 34e12, 4.8e12, 141e9, products=0.5, attention=0.25),
    "A100": Card(312e12, 19.5e12, 9.7e12, 2.04e12, 80e9, products=0.7, attention=0.35),
    "L40S": Card(362e12, 91.6e12, 1.4e12, 0.864e12, 48e9, products=0.55, attention=0.3),
    "RTX4090": Card(165e12, 82.6e12, 1.3e12, 1.008e12, 24e9, products=0.8, attention=0.4),
}
