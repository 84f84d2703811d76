-- Begins every script that writes.
local call = redis.call

-- The server's clock is the one that counts; it stands still while a script runs.
local now
local function clock()
  if not now then
    local time = call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  return now
end

-- Two users of the index of whom nothing is left are forgotten for each that comes, so that expiry shrinks it too.
local function tidy(index)
  local users = string.sub(index, 1, -2) .. 'u'
  for _, member in ipairs(call('ZRANDMEMBER', index, 2)) do
    if call('EXISTS', users .. member) == 0 then
      call('ZREM', index, member)
    end
  end
end

-- Puts `value` into the user's hash, and the user into the index. `ends` is when the value stops counting, or nil; a
-- hash that already holds something for ever is `lasting`. A hash may not outlive its fields for ever: its own time to
-- live is theirs and a minute more. That of a user who comes first has none yet.
local function hold(index, user, field, value, ends, lasting)
  local comes = false
  if call('HSET', user, field, value) == 1 then
    comes = call('ZADD', index, 0, string.sub(user, #index + 1)) == 1
    if ends then
      tidy(index)
    end
  end
  if not ends then
    if not lasting and not comes then
      call('PERSIST', user)
    end
    return
  end
  local alone = comes or call('HLEN', user) == 1
  local left = not alone and call('PTTL', user)
  if alone or (left >= 0 and clock() + left < ends + 1000) then
    call('PEXPIREAT', user, string.format('%.0f', ends + 60000))
  end
end
