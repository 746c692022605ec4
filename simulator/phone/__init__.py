"""The phone: a person's end of a line, on a web page.

The page and the simulator speak over one WebSocket, `/phone/line`, on this machine only (`exchange.py` says who may).

From the page, JSON, or sound and pictures as binary messages (`frames.py`):

| type        | members | what                                                                                     |
|-------------|---------|------------------------------------------------------------------------------------------|
| `call`      |         | ring the bot                                                                             |
| `answer`    |         | answer the call that rings; `hang_up` declines it                                        |
| `press`     | key     | one of 0-9 * # A B C D                                                                   |
| `say`       | text    | say it in a synthetic voice, 1 to 500 characters                                         |
| `understood`| ok      | whether the recognised words are what was said                                           |
| `camera`    | width, height, fps | what the pictures that follow look like                                       |
| `hang_up`   |         | end the call                                                                             |

To the page, JSON, or sound and pictures likewise:

| type        | members                            | what                                                          |
|-------------|------------------------------------|---------------------------------------------------------------|
| `ready`     | bot, ears                          | the address that is rung; whether speech is recognised        |
| `event`     | event                              | an event of the call's ledger (simulator/ledger.py)           |
| `waiting`   | caller                             | the bot calls, and waits until the call that goes on is over  |
| `ringing`   | caller                             | the bot calls                                                 |
| `answered`  |                                    | the bot took the call, or the page the bot's                  |
| `sounds`    | text, file or neither, seconds     | a prompt begins; its sound comes ahead of time                |
| `silenced`  | cut                                | it has ended; when it was cut, drop the sound that came ahead |
| `listening` | keys, words, recording             | what the platform listens for, or that it records             |
| `confirm`   | text                               | words were recognised: were they said?                        |
| `live`      | on                                 | the bot has a media stream: its sound comes as it sounds      |
| `over`      |                                    | the call is over, and all its events have come                |
| `problem`   | message                            | something was not done, and why                               |
"""
