//! Memcached: three nodes, and as many connections to each as there are operations at once, on both sides.
//!
//! The bare side is no crate but what the protocol asks for and nothing more, since a crate could only be slower. It gets
//! and decodes a value of the same bytes. Its merge keeps the first variation and adds a goal once: `gets`, then `add` or
//! `cas`, and again if a rival was faster. It knows no claim ids and no times.
use crate::{
    BATCH, Done, USERS,
    ours::{Merge, Ours, about},
    rounds::{Options, Side},
};
use futures_util::future::try_join_all;
use stayput::{Entry, codec};
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::Mutex,
};

/// A value, and the version that `cas` names.
type Held = Option<(Vec<u8>, u64)>;

struct Connection(BufReader<TcpStream>);

/// For each operation at once, a connection to each node.
#[derive(Clone)]
struct Bare(Arc<Vec<Vec<Mutex<Connection>>>>);

pub(crate) async fn compare(url: &str, options: &Options) -> Done {
    let ours = Ours::open(&format!("{url}&timeout=30s"), USERS).await?;
    let nodes = url.trim_start_matches("memcached://").split('?').next().unwrap_or_default();
    let bare = Bare::connect(nodes, 1).await?;
    for Entry { key, assignment } in ours.prepare().await? {
        let name = format!("bare:{}", key.user_id());
        bare.of(0, user(key.user_id())).lock().await.store("set", &name, &codec::encode(&assignment), "").await?;
    }
    for tasks in [1, 16] {
        let bare = Bare::connect(nodes, tasks).await?;
        let merges: &[(&str, Merge<'_>)] = &[("", &|mark, work| bare.merge(mark, work))];
        ours.compare(options, ("memcached", tasks), || bare.get(), merges, ("gets", bare.batch())).await?;
    }
    Ok(())
}

/// Its number.
fn user(name: &str) -> usize {
    name.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

impl Bare {
    async fn connect(nodes: &str, tasks: usize) -> io::Result<Self> {
        let each = (0..tasks).map(|_| try_join_all(nodes.split(',').map(Connection::open)));
        let each: Vec<Vec<Connection>> = try_join_all(each).await?;
        Ok(Self(Arc::new(each.into_iter().map(|nodes| nodes.into_iter().map(Mutex::new).collect()).collect())))
    }
    /// The connection of operation `i` to where user `at` lives.
    fn of(&self, i: usize, at: usize) -> &Mutex<Connection> {
        let nodes = &self.0[i % self.0.len()];
        &nodes[at % nodes.len()]
    }
    fn get(&self) -> Side {
        let bare = self.clone();
        Side::new(move |i| {
            let bare = bare.clone();
            async move {
                let at = i % USERS;
                let held = bare.of(i, at).lock().await.gets(&[format!("bare:user-{at}")]).await?.pop().flatten();
                codec::decode("bare", &held.ok_or("held")?.0)?;
                Ok(())
            }
        })
    }
    fn merge(&self, mark: String, work: usize) -> Side {
        let bare = self.clone();
        Side::new(move |i| {
            let (bare, (name, goal)) = (bare.clone(), about(&mark, work, i, USERS));
            async move {
                let mut connection = bare.of(i, user(&name)).lock().await;
                while !connection.merge(&format!("bare:{name}"), &goal).await? {}
                Ok(())
            }
        })
    }
    fn batch(&self) -> Side {
        let bare = self.clone();
        Side::new(move |i| {
            let bare = bare.clone();
            async move {
                let users = (0..BATCH).map(|at| (i * 7 + at) % USERS);
                let node = |node| -> Vec<String> {
                    let here = users.clone().filter(|user| user % bare.0[0].len() == node);
                    here.map(|user| format!("bare:user-{user}")).collect()
                };
                let nodes = (0..bare.0[0].len()).map(|at| {
                    let (bare, names) = (&bare, node(at));
                    async move { bare.of(i, at).lock().await.gets(&names).await }
                });
                for held in try_join_all(nodes).await?.into_iter().flatten() {
                    codec::decode("bare", &held.ok_or("held")?.0)?;
                }
                Ok(())
            }
        })
    }
}

impl Connection {
    async fn open(node: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(node).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }
    /// In the order of `names`.
    async fn gets(&mut self, names: &[String]) -> io::Result<Vec<Held>> {
        self.0.write_all(format!("gets {}\r\n", names.join(" ")).as_bytes()).await?;
        let (mut found, mut next) = (vec![None; names.len()], 0);
        loop {
            let line = self.line().await?;
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let ["VALUE", name, _, length, version] = words.as_slice() else { return Ok(found) };
            let mut value = vec![0; length.parse::<usize>().map_err(strange)? + 2];
            self.0.read_exact(&mut value).await?;
            value.truncate(value.len() - 2);
            while names[next] != *name {
                next += 1;
            }
            found[next] = Some((value, version.parse().map_err(strange)?));
        }
    }
    async fn store(&mut self, how: &str, name: &str, value: &[u8], version: &str) -> io::Result<bool> {
        let mut asked = format!("{how} {name} 0 0 {}{version}\r\n", value.len()).into_bytes();
        asked.extend_from_slice(value);
        asked.extend_from_slice(b"\r\n");
        self.0.write_all(&asked).await?;
        Ok(self.line().await?.starts_with("STORED"))
    }
    /// False if a rival was faster.
    async fn merge(&mut self, name: &str, goal: &str) -> io::Result<bool> {
        let Some((held, version)) = self.gets(&[name.to_owned()]).await?.pop().flatten() else {
            return self.store("add", name, format!("Variation-1\0{goal}\0").as_bytes(), "").await;
        };
        let mut held = String::from_utf8(held).map_err(strange)?;
        if held.split('\0').skip(1).any(|known| known == goal) {
            return Ok(true);
        }
        held.push_str(goal);
        held.push('\0');
        self.store("cas", name, held.as_bytes(), &format!(" {version}")).await
    }
    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        Ok(line)
    }
}

fn strange(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}
