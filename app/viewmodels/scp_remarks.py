"""What is to be said about the derivation of the SCPs, with its numbers."""

from app.viewmodels.numbers import percent
from backend.services.pattern_views import ScpView


def interpolation_remark(view: ScpView, p: float, n: int) -> str:
    """Return how near the interpolation comes to the paper's 8, in one or two sentences."""
    text = (
        f"The arms become 1, the centre (1/{p:g})^{n} = {view.centre:.2f}; the ELoG has 8, so it "
        f"is {percent(abs(view.error), 0)} {'above' if view.error > 0 else 'below'}. "
    )
    return text + f"At this p, 8 would take n = {view.exact_n:.2f}."


def convolution_remark(view: ScpView) -> str:
    """Return why the ELoG is shown as the paper's, with the ratios."""
    ratios = ", ".join(
        f"{kernel.title} {kernel.cells[1][1] / kernel.cells[0][1]:.2f}"
        for kernel in view.convolutions
    )
    return (
        "The paper argues the ELoG by convolving the two LoGs. The printed filter is not the "
        f"middle of any such convolution: centre divided by arm is {ratios}, the ELoG's is 8. "
        "We show it as the paper's and do not derive it."
    )
