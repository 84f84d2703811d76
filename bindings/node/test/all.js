'use strict';
// node all.js [WORD…]: all tests, or those whose names contain a word.

require('./contract');
require('./fme');
require('./official');
require('./outage');
require('./harness').run();
