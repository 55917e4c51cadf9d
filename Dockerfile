# docker build -t timbrebench . && docker run --rm -v "$PWD/runs:/timbrebench/runs" timbrebench
FROM python:3.11
WORKDIR /timbrebench
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
COPY Makefile system-packages.sh ./
RUN make system
COPY . .
RUN make setup
ENV PATH=/timbrebench/.venv/bin:$PATH
CMD ["make", "benchmark"]
