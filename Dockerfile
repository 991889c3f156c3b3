# The page on a CPU: docker build -t mcaclip . && docker run -p 7860:7860 --read-only --tmpfs /tmp -v mcaclip:/cache mcaclip
FROM python:3.12-slim

COPY packages.txt /tmp/
RUN apt-get update && xargs apt-get install -y --no-install-recommends < /tmp/packages.txt \
    && rm -rf /var/lib/apt/lists/* /tmp/packages.txt

RUN useradd --create-home --uid 1000 studio && mkdir /cache && chown studio /cache
WORKDIR /app

# such as --extra-index-url and the address of torch's CPU builds, a tenth of the size of the others
ARG PIP_OPTIONS=""
COPY requirements.txt ./
RUN pip install --no-cache-dir ${PIP_OPTIONS} -r requirements.txt

COPY LICENSE app.py ./
COPY assets assets
COPY mcaclip mcaclip
COPY train train
# compiled here, because the file system is read-only later
RUN python -m compileall -q app.py mcaclip train

USER studio
ENV MCACLIP_CACHE=/cache MCACLIP_TRAINING=off HOME=/tmp PYTHONUNBUFFERED=1 GRADIO_SERVER_NAME=0.0.0.0
EXPOSE 7860
VOLUME /cache
# answers 200 once edits can be made; the first start fetches 38 MB
HEALTHCHECK --interval=10s --timeout=5s --start-period=180s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
CMD ["python", "app.py"]
