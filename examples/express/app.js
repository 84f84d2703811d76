'use strict';
// A shop with two experiments whose visitors keep what they see: npm start.
// STAYPUT_STORE names another store than a folder here: redis://127.0.0.1, postgres://…, stayput://127.0.0.1:7717

const express = require('express');
const vwo = require('vwo-node-sdk');
const { UserStorage } = require('stayput');
const settingsFile = require('./settings.json');

const storage = UserStorage.open(process.env.STAYPUT_STORE || 'file:./stayput-data', {
  onError: error => console.error(error.message),
});
// In development mode nothing is sent to VWO.
const launch = settingsFile => vwo.launch({ settingsFile, userStorageService: storage, isDevelopmentMode: true });
let shop = launch(settingsFile);
const app = express();

/** Weights as an editor would change them, to see that visitors stay: /settings?green=90 */
app.get('/settings', (request, response) => {
  const green = Math.min(100, Math.max(0, Number(request.query.green) || 0));
  const changed = structuredClone(settingsFile);
  [changed.campaigns[0].variations[0].weight, changed.campaigns[0].variations[1].weight] = [100 - green, green];
  shop = launch(changed);
  response.json({ green });
});

app.get('/:visitor', (request, response) => {
  const { visitor } = request.params;
  response.json({
    visitor,
    button: shop.activate('checkout-button', visitor),
    search: shop.activate('search-page', visitor),
  });
});

app.post('/:visitor/buy', (request, response) => {
  response.json({ counted: shop.track('checkout-button', request.params.visitor, 'bought')['checkout-button'] });
});

app.get('/metrics/storage', (_, response) => response.type('text/plain').send(storage.metrics()));

const server = app.listen(Number(process.env.PORT || 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/ann`);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => server.close(() => storage.flush().catch(console.error).then(() => process.exit())));
}
