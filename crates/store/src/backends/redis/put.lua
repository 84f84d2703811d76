-- KEYS: the bucket's index, then users. ARGV: for each entry its user, its field, its value, and when it ends if ever.
for at = 1, #ARGV, 4 do
  hold(KEYS[1], KEYS[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3]))
end
return {}
