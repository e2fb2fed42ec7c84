"""Streamlit pages, components and view models; imports only `backend.services`."""
