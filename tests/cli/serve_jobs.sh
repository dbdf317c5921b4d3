. "$(dirname "$0")/_case.sh"
# A service trains its project in a process of its own, and deploys what was compared and approved.
project; commit; snap=$(snapshot --quiet)
cat > ../ask.py << 'END'
import atexit, json, os, signal, subprocess, sys, time, urllib.error, urllib.request
almanac, snap = sys.argv[1:]

def serve():
    server = subprocess.Popen([almanac, "serve", "--development", "--port", "0", "--workers", "1"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    atexit.register(server.kill)  # whatever fails, none is left
    for line in server.stderr:
        if line.startswith("listening at "):
            return server, line.split()[2].rstrip(",")
        if not line.startswith("{"):  # the log
            print(line, end="")
    sys.exit("the server did not start")

def ask(method, url, body=None):
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)

def finish(server, address, job):
    while job["state"] in ("queued", "running"):
        time.sleep(0.1)
        job = ask("GET", f"{address}/api/v1/jobs/{job['id']}")[1]
    return job["state"], job.get("result"), job.get("message")

def of_process(pid):  # its state and its parent; an ended one is a zombie or nothing at all
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            state, parent = stat.read().rpartition(")")[2].split()[:2]
            return state, int(parent)
    except OSError:
        return "Z", 0

def children_of(server):
    return [int(pid) for pid in os.listdir("/proc")
            if pid.isdigit() and of_process(pid)[1] == server.pid]

def end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    while of_process(pid)[0] != "Z":
        time.sleep(0.01)

def almanac_models(*words):
    subprocess.run([almanac, "models", *words, "--quiet"], check=True)

server, address = serve()
training = {"model": "demand", "snapshot": snap[:12]}
deployment = {"release": "demand-1", "alias": "production", "reason": "first"}
status, job = ask("POST", f"{address}/api/v1/models/train", training)
print(status, job["id"], *finish(server, address, job))
status, problem = ask("POST", f"{address}/api/v1/models/deploy", deployment)
print(status, problem["detail"])
almanac_models("compare", "demand-1")
almanac_models("approve", "demand-1", "--why", "fine")
status, job = ask("POST", f"{address}/api/v1/models/deploy", deployment)
print(status, job["id"], *finish(server, address, job))
other, beside = serve()
print(*[ask("GET", f"{beside}/api/v1/jobs")[0]])
other.terminate()
print(other.wait())
status, job = ask("POST", f"{address}/api/v1/models/train", training)
while job["state"] == "queued":
    job = ask("GET", f"{address}/api/v1/jobs/{job['id']}")[1]
while not (trainings := children_of(server)) and job["state"] == "running":
    job = ask("GET", f"{address}/api/v1/jobs/{job['id']}")[1]
server.kill()
server.wait()
for training in trainings:  # it would go on by itself, in a folder that is about to be removed
    end(training)
server, address = serve()
print(ask("GET", f"{address}/api/v1/jobs/job-3")[1]["state"])
server.terminate()
print(server.wait())
END
python3 ../ask.py "$ALMANAC" "$snap"
almanac models list | grep -o production
