-- KEYS: the bucket's index, then users. ARGV: for each key its user and its field; no field is all of them. Answers how
-- many there were. A user of whom nothing is left leaves the index with it.
local removed = 0
for at = 1, #ARGV, 2 do
  local user, field = KEYS[tonumber(ARGV[at])], ARGV[at + 1]
  if field == '' then
    removed = removed + redis.call('HLEN', user)
    redis.call('UNLINK', user)
  else
    removed = removed + redis.call('HDEL', user, field)
  end
  if redis.call('EXISTS', user) == 0 then
    redis.call('ZREM', KEYS[1], string.sub(user, #KEYS[1] + 1))
  end
end
return removed
