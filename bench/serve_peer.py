"""What most people serve a LightGBM model with: FastAPI on uvicorn, one process, pydantic checks
the body, the Python package predicts. `python serve_peer.py MODEL PORT`: {"instances": [[..], ..]}
at /predict, as bench/serve_load_bench.c sends with --form instances."""
import sys

import lightgbm
import numpy
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

model = lightgbm.Booster(model_file=sys.argv[1])
app = FastAPI()


class Rows(BaseModel):
    instances: list[list[float]]


@app.post("/predict")
def predict(rows: Rows):
    answer = model.predict(numpy.array(rows.instances), num_threads=1)
    return {"predictions": answer.tolist()}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning",
                access_log=False)
