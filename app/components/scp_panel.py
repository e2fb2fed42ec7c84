"""Where the four sub-convolutional patterns come from, as the paper argues and as one computes."""

from collections.abc import Sequence

import streamlit as st

from app.components.error_panel import errors_shown
from app.theme import palette
from app.viewmodels.pattern_pictures import kernel_html
from app.viewmodels.scp_remarks import convolution_remark, interpolation_remark
from backend.services import pattern_study
from backend.services.pattern_views import NamedKernel


def draw(_taken: list[str]) -> None:
    """Draw the derivation step by step, with sliders for p, n and sigma."""
    st.caption("Ma et al., ECCV 2020, section 3: why a cross without one arm enhances pictures.")
    with errors_shown("The derivation cannot be computed."):
        with st.grid(columns="auto", min_column_width=220, gap="small"):
            p = st.slider(
                "p", 0.50, 0.95, 0.75, 0.01, help="Probability that an arm is kept in a layer."
            )
            n = st.slider("n", 1, 16, 8, help="Layers of masks, as many interpolations.")
            sigma = st.slider("sigma", 0.30, 1.50, 0.50, 0.05, help="Of the continuous LoG.")
        view = pattern_study.scp_derivation(p, n, sigma)
        st.subheader("1. Two approximations of the Laplacian of Gaussian", anchor=False)
        st.markdown(
            "Gaussian $G$ of deviation $\\sigma$; its Laplacian is "
            "$\\left(\\frac{x^2+y^2}{\\sigma^4}-\\frac{2}{\\sigma^2}\\right)G$. Finite differences "
            "give two 3×3 filters; beside them the continuous one at whole pixels."
        )
        kernels([*view.given[:2], view.log])
        st.subheader("2. The enhanced LoG", anchor=False)
        st.markdown(convolution_remark(view))
        kernels([view.given[2], *view.convolutions])
        st.subheader("3. Four patterns, and their mean", anchor=False)
        st.markdown(
            "Each SCP is the cross without one arm. Averaged over the four, an arm is there in "
            "3 of 4: this is where the paper's p = 0.75 comes from."
        )
        kernels(view.masks)
        st.subheader("4. n layers interpolate", anchor=False)
        st.markdown(
            "Through n layers an arm survives with $p^n$; divided by that, the arms are 1 and the "
            "centre is $(1/p)^n$. The paper takes p = 0.75 and n = 8. "
            + interpolation_remark(view, p, n)
        )
        kernels([view.interpolated, view.given[2]])


def kernels(shown: Sequence[NamedKernel]) -> None:
    """Draw kernels side by side with title and source."""
    colours = palette(st.context.theme.type)
    with st.grid(columns="auto", min_column_width=150, gap="small"):
        for kernel in shown:
            with st.container():
                st.markdown(f"**{kernel.title}**")
                st.html(kernel_html(kernel, colours))
                st.caption(kernel.source)
