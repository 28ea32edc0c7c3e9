"""Validates Kubernetes documents: a JSON array on standard input, versions as arguments, a JSON array of faults on
standard output.

Strict: a key that the schema does not know is a fault. Kinds of others, such as KEDA's, have no schema here and are
named in "unknown".
"""

import functools
import json
import sys

import kubernetes_validate
from kubernetes_validate import utils

# It would read a megabyte of definitions for each document.
utils.schema_contents = functools.lru_cache(maxsize=None)(utils.schema_contents)

faults, unknown = [], set()
for document in json.load(sys.stdin):
    for version in sys.argv[1:]:
        name = "%s %s" % (document["kind"], document["metadata"]["name"])
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            unknown.add("%s/%s" % (document["apiVersion"], document["kind"]))
        except kubernetes_validate.ValidationError as error:
            path = ".".join(str(step) for step in error.absolute_path)
            faults.append("Kubernetes %s: %s: %s: %s" % (version, name, path, error.message))
json.dump({"faults": faults, "unknown": sorted(unknown)}, sys.stdout)
