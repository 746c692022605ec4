'use strict';
// The benchmark's peer: a menu in three steps on the Node calling SDK (botbuilder-calling 3.0.1).
//
//   POST /api/menu   Conversation                -> answer, playPrompt, recognize (message/1, quit/2)
//                    recognizeOutcome "message"  -> record (wav, 20 s, beep, stop tone #)
//                    recordOutcome (multipart)   -> playPrompt, hangup
//                    callState "terminated"      -> 200, empty body
//
// PORT  the port to bind on 127.0.0.1; 0, the default, takes a free one. `ready PORT` on stdout names it.
// AUTH  "off" takes every request unverified. The SDK has no setting for that, so the connector's own
//       verification step is replaced. Anything else leaves the SDK's JWT check in place.
// VERIFY_ENDPOINT  OpenID metadata of the tokens' issuer, instead of the one that the SDK knows.

const express = require('express');
const calling = require('botbuilder-calling');

const server = express();
const listener = server.listen(Number(process.env.PORT || 0), '127.0.0.1', () => {
  const { port } = listener.address();

  const connector = new calling.CallConnector({
    callbackUrl: `http://127.0.0.1:${port}/api/menu`,
    appId: process.env.APP_ID || 'bench',
    appPassword: process.env.APP_PASSWORD || '',
    endpoint: process.env.VERIFY_ENDPOINT && {
      refreshEndpoint: process.env.VERIFY_ENDPOINT,
      refreshScope: 'none',
      verifyEndpoint: process.env.VERIFY_ENDPOINT,
      verifyIssuer: 'none', // never read: the issuer is the one of the metadata
      stateEndpoint: process.env.VERIFY_ENDPOINT,
    },
  });
  if (process.env.AUTH === 'off') {
    connector.verifyBotFramework = (req, res) => {
      try {
        connector.dispatch(req.body, connector.responseCallback(req, res));
      } catch {
        res.status(403).end(); // as the SDK's own step does with a body that it cannot read
      }
    };
  }

  // The SDK's default store is an online service that has been switched off.
  const bot = new calling.UniversalCallBot(connector, { storage: new calling.MemoryBotStorage() });
  bot.dialog('/', [
    (session) => {
      session.send('Welcome to Contoso.');
      calling.Prompts.choice(session, 'To leave a message, press 1. To quit, press 2.', [
        { name: 'message', dtmfVariation: '1', speechVariation: ['message'] },
        { name: 'quit', dtmfVariation: '2', speechVariation: ['quit'] },
      ]);
    },
    (session, results) => {
      if (!results.response || results.response.entity !== 'message') {
        session.endConversation('Goodbye.');
        return;
      }
      calling.Prompts.record(session, 'Speak after the tone.', {
        recordingFormat: 'wav',
        maxDurationInSeconds: 20,
        playBeep: true,
        stopTones: ['#'],
      });
    },
    (session, results) => {
      if (!results.response) {
        session.endConversation('Goodbye.');
        return;
      }
      const { recordedAudio, lengthOfRecordingInSecs } = results.response;
      session.endConversation(`Got ${recordedAudio.length} bytes, ${lengthOfRecordingInSecs} seconds.`);
    },
  ]);

  server.post('/api/menu', connector.listen());
  console.log(`ready ${port}`);
});
