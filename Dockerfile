# The image of every `vgm` command but up and down, which need an engine or a JVM of their own:
#
#   docker build --tag vgm-stream .
#   docker run --rm vgm-stream --help
#
# docs/deployment.md has the rest.
ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# No install script is needed: every binary comes as a package of its own, and Node is the image's.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json docker-compose.yml ./
COPY scripts/build.ts scripts/kernel.ts scripts/
COPY schemas schemas
COPY src src
RUN npm run build

FROM ${BASE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# testcontainers is for `vgm up`; of vega-datasets the demo reads one file.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && npm uninstall testcontainers --omit=dev --ignore-scripts --no-audit --no-fund \
 && find node_modules/vega-datasets/data -type f ! -name flights-3m.parquet -delete

FROM ${BASE}
ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="vgm-stream" \
      org.opencontainers.image.description="Mode-specific normalization of numeric columns at Kafka scale, exactly once" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Metrics and probes: reachable only inside the container unless VGM_HTTP is set.
ENV NODE_ENV=production \
    HOME=/tmp \
    VGM_HTTP=127.0.0.1:9464
COPY --from=dependencies /app/node_modules /app/node_modules
COPY --from=build /build/dist /app/dist
COPY package.json LICENSE /app/
RUN ln -s /app/dist/src/main.js /usr/local/bin/vgm && install -d -o 1000 -g 0 -m 0775 /data
# Files that commands read and write: docker run --volume "$PWD:/data"
WORKDIR /data
# A number, so that Kubernetes sees that it is not root. Any other user works as well.
USER 1000:0
EXPOSE 9464
# No shell and no tini: vgm is process 1, handles SIGTERM and SIGINT itself, and starts threads but no processes.
ENTRYPOINT ["node", "/app/dist/src/main.js"]
CMD ["--help"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "/app/dist/src/observe/health-probe.js", "livez"]
