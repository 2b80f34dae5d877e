#!/usr/bin/env python3
"""manifests.py FILE...: Kubernetes manifests as JSON, one document on a line.

Each line has the file, the document and, for kinds that Kubernetes itself
knows, what its schemas say about it, of the oldest and of the newest version
that there are schemas for.
"""

import json
import sys

import kubernetes_validate as kv
import yaml

# Kinds that come with the software that is spoken of.
OTHERS = ("gateway.nginx.org/", "gateway.networking.k8s.io/")

VERSIONS = kv.utils.all_versions()
RANGE = (VERSIONS[0], VERSIONS[-1])


def problems(document):
    """What is wrong with a document, and by which version."""
    found = []

    for version in RANGE:
        try:
            kv.validate(document, version, strict=True)
        except kv.ValidationError as error:
            found.append(f"{version}: {error.json_path}: {error.message}")
        except kv.SchemaNotFoundError as error:
            found.append(f"{version}: {error.message}")

    return found


for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        for document in yaml.safe_load_all(file):
            line = {"file": path, "document": document}

            if not document["apiVersion"].startswith(OTHERS):
                line["validated"] = RANGE
                line["problems"] = problems(document)

            print(json.dumps(line, sort_keys=True))
