-- Begins every script that writes. The server's clock is the one that counts, and a hash may not outlive its fields
-- for ever: its own time to live is theirs and a minute more.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Two users of the index of whom nothing is left are forgotten for each that comes, so that expiry shrinks it too.
local function tidy(index)
  local users = string.sub(index, 1, -2) .. 'u'
  for _, member in ipairs(redis.call('ZRANDMEMBER', index, 2)) do
    if redis.call('EXISTS', users .. member) == 0 then
      redis.call('ZREM', index, member)
    end
  end
end

-- Puts `value` into the user's hash, and the user into the index. `ends` is when the value stops counting, or nil; a
-- hash that already holds something for ever is `lasting`.
local function hold(index, user, field, value, ends, lasting)
  if redis.call('HSET', user, field, value) == 1 then
    redis.call('ZADD', index, 0, string.sub(user, #index + 1))
    if ends then
      tidy(index)
    end
  end
  if not ends then
    if not lasting then
      redis.call('PERSIST', user)
    end
    return
  end
  local left = redis.call('PTTL', user)
  local alone = redis.call('HLEN', user) == 1
  if alone or (left >= 0 and now + left < ends + 1000) then
    redis.call('PEXPIREAT', user, string.format('%.0f', ends + 60000))
  end
end
