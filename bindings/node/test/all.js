'use strict';
// node all.js [WORD…]: all tests, or those whose names contain a word.

require('./cases');
require('./contract');
require('./fme');
require('./hostile');
require('./official');
require('./others');
require('./outage');
require('./restart');
require('./harness').run();
