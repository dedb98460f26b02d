# Vertex as an image: built with the tools, run without them, as a user without rights.
#
#   docker build -t vertex-edge .
#   docker run -p 8080:8080 -v ./vertex.yaml:/etc/vertex/vertex.yaml -v state:/var/lib/vertex vertex-edge

FROM node:26-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# The image's own Node is the right one, so the package that brings Node along need not be installed.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts scripts/build.ts
COPY src src
RUN npm run build

FROM node:26-slim AS modules
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /opt/vertex
RUN mkdir -p /etc/vertex /var/lib/vertex && chown node:node /var/lib/vertex
COPY --from=modules /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE README.md ./
COPY bin bin
COPY config config
USER node
VOLUME /var/lib/vertex
EXPOSE 8080 9900
# Asks the admin API on loopback; a node that drains is not healthy any more.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "bin/vertex.js", "healthcheck"]
# TERM drains, see OPERATING.md; give the container at least drain_delay + drain to stop.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "bin/vertex.js"]
CMD ["run", "--config", "/etc/vertex/vertex.yaml"]
