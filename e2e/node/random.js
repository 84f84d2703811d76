'use strict';
// Random numbers that a seed repeats.

class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  /** A number from 0 up to 1 (splitmix32). */
  number() {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to `end`. */
  below(end) {
    return Math.floor(this.number() * end);
  }

  /** True in this share of the calls. */
  chance(share) {
    return this.number() < share;
  }

  /** One of `items`. */
  one(items) {
    return items[this.below(items.length)];
  }

  /** `count` results of `make`. */
  several(count, make) {
    return Array.from({ length: count }, (_, place) => make(place));
  }

  /** Those of `items` on which the coin falls well. */
  some(items, share = 0.5) {
    return items.filter(() => this.chance(share));
  }
}

module.exports = { Random };
