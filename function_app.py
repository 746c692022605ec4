"""The function app: registers the blueprints of functions/ and nothing else."""

import azure.functions as func

from functions.cold_start import nothing_collected

with nothing_collected():
    from functions import acs, calls, canary, console, health, prompts, recordings, signals, streams, sweeper, teams

app = func.FunctionApp()
app.register_functions(acs.blueprint)
app.register_functions(calls.blueprint)
app.register_functions(canary.blueprint)
app.register_functions(console.blueprint)
app.register_functions(health.blueprint)
app.register_functions(prompts.blueprint)
app.register_functions(recordings.blueprint)
app.register_functions(signals.blueprint)
app.register_functions(streams.blueprint)
app.register_functions(sweeper.blueprint)
app.register_functions(teams.blueprint)
