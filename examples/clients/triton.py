#!/usr/bin/env python3
"""tritonclient: a model by the Open Inference Protocol, rows as binary tensors.

    ALMANAC_URL=http://localhost:3003 ALMANAC_TOKEN=... python3 examples/clients/triton.py MODEL

Needs tritonclient[http]. Rows of zeros here; put yours in their place: one row a line, the columns
in the order that the metadata tells, NaN where a value is missing."""
import os
import sys
from urllib.parse import urlsplit

import numpy
import tritonclient.http as triton


def main(model):
    url = urlsplit(os.environ.get("ALMANAC_URL", "http://localhost:3003"))
    token = os.environ.get("ALMANAC_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else None
    client = triton.InferenceServerClient(url.netloc, ssl=url.scheme == "https")

    facts = client.get_model_metadata(model, headers=headers)
    tensor = facts["inputs"][0]
    columns = tensor["parameters"]["columns"]
    print(model, "version", facts["versions"][0], "takes", ", ".join(columns))

    rows = numpy.zeros((4, len(columns)))
    rows[1, 0] = numpy.nan
    given = triton.InferInput(tensor["name"], rows.shape, tensor["datatype"])
    given.set_data_from_numpy(rows, binary_data=True)
    # Binary answers too: the doubles of the model, not texts of them. Ask for what you need only.
    wanted = [triton.InferRequestedOutput(output["name"], binary_data=True)
              for output in facts["outputs"]]
    result = client.infer(model, [given], outputs=wanted, headers=headers, request_id="example-1")

    reply = result.get_response()
    print("answered by version", reply["model_version"], "to request", reply["id"])
    for output in facts["outputs"]:
        print(output["name"], result.as_numpy(output["name"]).tolist())
    counted = client.get_inference_statistics(model, headers=headers)["model_stats"][0]
    print("rows so far:", counted["inference_count"])
    try:
        client.infer(model, [triton.InferInput(tensor["name"], [1, 1], "FP64")], headers=headers)
    except triton.InferenceServerException as refused:
        print("refused:", refused)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
