-- KEYS: for each user the index of the bucket and the user. ARGV: for each key how many keys further its user is, and its
-- field; no field is all of them. Answers how many there were. A user of whom nothing is left leaves the index with it.
local removed, key = 0, 0
for at = 1, #ARGV, 2 do
  key = key + ARGV[at]
  local index, user, field = KEYS[key - 1], KEYS[key], ARGV[at + 1]
  if field == '' then
    removed = removed + redis.call('HLEN', user)
    redis.call('UNLINK', user)
  else
    removed = removed + redis.call('HDEL', user, field)
  end
  if redis.call('EXISTS', user) == 0 then
    redis.call('ZREM', index, string.sub(user, #index + 1))
  end
end
return removed
