"""The functions of the sample app that no HTTP request triggers, and what they have seen."""

import json

import azure.functions as func

blueprint = func.Blueprint()
seen: list[object] = []


@blueprint.route("seen", methods=["GET"])
async def what_was_seen(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@blueprint.timer_trigger("timer", "%TICK_SCHEDULE%")
async def tick(timer: func.TimerRequest) -> None:
    seen.append({"tick": sorted(timer.schedule_status or {})})


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
