"""A function app with one function per thing the host promises; the tests copy it to function_app.py."""

import asyncio
import json
import logging
import os
import time
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
blueprint = func.Blueprint()  # type: ignore[no-untyped-call]
seen: list[object] = []


def answer(value: object, status: int = 200) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(value), status_code=status, mimetype="application/json")


@app.route("echo/{id:int?}")
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    host = req.headers["host"]
    return answer(
        {
            "method": req.method,
            "url": req.url.replace(host, "HOST"),
            "headers": {name: value.replace(host, "HOST") for name, value in req.headers.items()},
            "params": dict(req.params),
            "route": dict(req.route_params),
            "body": req.get_body().decode("latin-1"),
        }
    )


@app.route("json", methods=["POST"])
async def json_in(req: func.HttpRequest) -> func.HttpResponse:
    try:
        return answer(req.get_json())
    except ValueError:
        return answer({"error": "not JSON"}, 400)


@app.route("multipart", methods=["POST"])
def multipart(req: func.HttpRequest) -> func.HttpResponse:
    files = {name: [file.filename, file.stream.read().decode("latin-1")] for name, file in req.files.items()}
    return answer({"form": dict(req.form), "files": files})


@app.route("context")
async def with_context(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    await asyncio.sleep(0)
    return answer(
        {
            "name": context.function_name,
            "directory": Path(context.function_directory).is_absolute(),
            "id": len(context.invocation_id),
            "trace": [context.trace_context.trace_parent, context.trace_context.trace_state],
            "retries": [context.retry_context.retry_count, context.retry_context.max_retry_count],
        }
    )


@app.route("fail")
async def fail(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("this is the traceback in the log")


@app.route("fail-sync")
def fail_sync(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("this is the traceback in the log")


@app.route("nothing")
async def nothing(req: func.HttpRequest) -> func.HttpResponse:
    return None  # type: ignore[return-value]


@app.route("text")
async def text(req: func.HttpRequest) -> str:
    return "größe"


@app.route("raw")
async def raw(req: str) -> func.HttpResponse:
    return answer(req)


@app.route("unannotated")
def unannotated(req):  # type: ignore[no-untyped-def]
    return func.HttpResponse(req.method)


@app.route("out", binding_arg_name="res")
def with_out(req: func.HttpRequest, res: func.Out[func.HttpResponse]) -> None:
    if req.params.get("set"):
        res.set(answer({"out": True}, 201))


@app.route("out-text", binding_arg_name="res")
def with_text_out(req: func.HttpRequest, res: func.Out[str]) -> None:
    res.set("text")


@app.route("answer")
async def any_answer(req: func.HttpRequest) -> func.HttpResponse:
    """Answers what the query asks for."""
    response = func.HttpResponse(req.params.get("body", "").encode(), status_code=int(req.params.get("status", "200")))
    response.headers["X-Name"] = req.params.get("name", "value")
    response.headers["Content-Length"] = "1"
    response.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly")
    response.headers.add("Set-Cookie", "b=2; Secure")
    return response


@app.route("unframed")
async def unframed(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("text", headers={"Transfer-Encoding": "chunked"})


@app.route("files/{*path}", methods=["GET"])
async def files(req: func.HttpRequest) -> func.HttpResponse:
    return answer(dict(req.route_params))


@app.route("environment/{name}")
async def environment(req: func.HttpRequest) -> func.HttpResponse:
    return answer(os.environ.get(req.route_params["name"]))


@app.route("slow")
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    seen.append("slow began")
    await asyncio.sleep(0.4)
    return answer("slow")


@app.route("slow-sync")
def slow_sync(req: func.HttpRequest) -> func.HttpResponse:
    seen.append("slow began")
    time.sleep(float(req.params.get("seconds", "0.4")))
    return answer("slow")


@app.function_name("locked")
@app.route(auth_level=func.AuthLevel.FUNCTION)
async def needs_key(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("locked was reached")
    return answer("open")


@blueprint.route("seen", methods=["GET"])
async def what_was_seen(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@blueprint.timer_trigger("timer", "%TICK_SCHEDULE%")
async def tick(timer: func.TimerRequest) -> None:
    seen.append({"tick": sorted(timer.schedule_status)})  # type: ignore[attr-defined]


@blueprint.timer_trigger("timer", "0 0 0 1 1 *", run_on_startup=True)
def new_year(timer: func.TimerRequest) -> None:
    seen.append({"new year": timer.past_due})


@blueprint.event_grid_trigger("event")
async def on_event(event: func.EventGridEvent) -> None:
    if event.subject == "fail":
        raise RuntimeError("this is the traceback in the log")
    seen.append({"event": event.id, "type": event.event_type, "data": event.get_json()})


@blueprint.event_grid_trigger("event")
def on_cloud_event(event: str) -> None:
    seen.append({"raw": json.loads(event)})


@blueprint.event_grid_trigger("event")
async def on_event_returning(event: func.EventGridEvent) -> int:
    """No binding takes what this returns."""
    return 1


app.register_functions(blueprint)
