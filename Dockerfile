# syntax=docker/dockerfile:1
# The image: the program, its bill of materials, and nothing that could run a shell. docs/kubernetes.md says what of this was run where.
#
#   docker build --build-arg REVISION="$(git rev-parse HEAD)" --build-arg CREATED="$(date -u +%FT%TZ)" -t cpis-fhir .
#
# The digests are those of the tags before them, as other projects' public Dockerfiles pin them; look them up yourself before a release
# (`crane digest rust:1.95-bookworm`). Both bases are Debian 12, so that the libc is the same.
ARG RUST_IMAGE=docker.io/library/rust:1.95-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f
# Where the program comes from: built here, or `prebuilt` from the folder `out` (scripts/image --binary).
ARG BINARIES=build

# -- the bill of materials' tool, in a stage of its own: built once, beside the dependencies
FROM ${RUST_IMAGE} AS sbom-tool
RUN cargo install --locked --version 0.5.9 --root /opt/sbom cargo-cyclonedx

# -- dependencies: rebuilt only when Cargo.toml or Cargo.lock change
FROM ${RUST_IMAGE} AS dependencies
WORKDIR /src
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
# Empty targets in place of ours: Cargo wants every target that Cargo.toml names.
RUN mkdir -p src benches \
  && touch src/lib.rs \
  && echo 'fn main() {}' >src/main.rs \
  && sed -n '/^\[\[bench\]\]/,/^$/s|^name = "\(.*\)"|cp src/main.rs benches/\1.rs|p' Cargo.toml >/tmp/stubs \
  && sh -e /tmp/stubs \
  && cargo build --locked --profile dist --bin cpis-fhir \
  && cargo clean --locked --profile dist --package cpis-fhir

# -- the program
FROM dependencies AS build
COPY --from=sbom-tool /opt/sbom/bin/cargo-cyclonedx /usr/local/bin/
COPY src src
# What the program shows under /openapi.yaml and /openapi.json is compiled into it.
COPY openapi openapi
ARG REVISION=unknown
ENV CPIS_FHIR_COMMIT=${REVISION}
RUN cargo build --locked --profile dist --bin cpis-fhir \
  && cargo cyclonedx --format json \
  && mkdir -p /out/data \
  && cp target/dist/cpis-fhir /out/cpis-fhir \
  && cp cpis-fhir.cdx.json /out/cpis-fhir.cdx.json

FROM scratch AS prebuilt
COPY out /out

# hadolint ignore=DL3006
FROM ${BINARIES} AS binaries

# -- what is shipped
FROM ${RUNTIME_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="cpis-fhir" \
      org.opencontainers.image.description="FHIR R4 access to CP-IS, by one synchronous SMSP query for each look" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=binaries /out/cpis-fhir /usr/local/bin/cpis-fhir
COPY --from=binaries /out/cpis-fhir.cdx.json /usr/share/sbom/cpis-fhir.cdx.json
# The one place to write to, for those who run it without Kubernetes; the root may be read-only.
COPY --from=binaries --chown=65532:65532 /out/data /var/lib/cpis-fhir
WORKDIR /var/lib/cpis-fhir
USER 65532:65532
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/cpis-fhir", "check", "--ready"]
ENTRYPOINT ["/usr/local/bin/cpis-fhir"]
CMD ["serve"]
