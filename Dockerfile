# Page and worker in one container, as an ordinary user; all state in the volume /data.
FROM python:3.11-slim-bookworm

RUN useradd --create-home --uid 1000 punchcard && mkdir /data && chown punchcard /data
WORKDIR /opt/punchcard

COPY requirements.txt requirements-cluster.txt pyproject.toml ./
RUN pip install --no-cache-dir -r requirements.txt -r requirements-cluster.txt

COPY LICENSE README.md ./
COPY assets assets
COPY .streamlit .streamlit
COPY codegen codegen
COPY device_agents device_agents
COPY backend backend
COPY app app
RUN pip install --no-cache-dir --no-deps --editable .

USER punchcard
# A team's container takes PUNCHCARD_DATABASE=postgresql://user@host/name and
# PUNCHCARD_ARTIFACTS=s3://bucket/place as well; see docs/scale.md.
ENV PUNCHCARD_HOME=/data
VOLUME /data
EXPOSE 8501
# The page listens on loopback inside the container: run it with `--network host`, or put a proxy
# with sign-in beside it. Whoever can open the page can run code on your devices.
CMD ["punchcard", "studio", "--port", "8501", "--with-worker", "--sample"]
