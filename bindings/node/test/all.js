'use strict';
// node all.js [WORD…]: all tests, or those whose names contain a word.

require('./contract');
require('./official');
require('./outage');
require('./harness').run();
