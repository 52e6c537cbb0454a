// An FTP server by ftp-srv with the accounts and settings of a JSON file: server.js CONFIG.
//
// It is ftp-srv as its users start it: FtpSrv with a listener for logins, with its defaults, but for what CONFIG says. It
// listens on free ports of 127.0.0.1 and, where there is IPv6, ::1, and says them in lines of standard output: "port6 4712",
// and at last "port 4711".
'use strict';

const fs = require('fs');
const { FtpSrv } = require('ftp-srv');

const config = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));

// The commands that a letter governs; CHMOD is the only one of SITE.
const GOVERNED = {
    e: ['CWD', 'XCWD', 'CDUP', 'XCUP'],
    l: ['LIST', 'NLST', 'MLSD', 'MLST', 'STAT', 'SIZE', 'MDTM'],
    r: ['RETR'],
    a: ['APPE'],
    d: ['DELE', 'RMD', 'XRMD'],
    f: ['RNFR', 'RNTO'],
    m: ['MKD', 'XMKD'],
    w: ['STOR', 'STOU'],
    M: ['SITE'],
};

function server(host, address) {
    const options = { url: `ftp://${host}:0`, pasv_url: address, anonymous: config.accounts.some(account => account.anonymous) };
    if (config.banner !== null) options.greeting = config.banner;
    if (config.idle_timeout_s !== null) options.timeout = config.idle_timeout_s * 1000;
    if (config.passive_ports !== null) [options.pasv_min, options.pasv_max] = config.passive_ports;
    // All begin at 1024, and where two take the same port PASV is never answered: several at once on a machine begin elsewhere.
    else options.pasv_min = 11000 + process.pid * 509 % 20000;
    const serves = new FtpSrv(options);
    serves.on('login', ({ username, password }, resolve, reject) => {
        const account = config.accounts.find(account =>
            account.anonymous ? username === 'anonymous' : account.name === username && account.password === password);
        if (!account) return reject(new Error('Login incorrect'));
        const lacking = Object.keys(GOVERNED).filter(letter => !account.letters.includes(letter));
        resolve({ root: account.root, blacklist: lacking.flatMap(letter => GOVERNED[letter]) });
    });
    return serves.listen().then(() => serves.server.address().port);
}

server('[::1]', '::1')
    .then(port => console.log(`port6 ${port}`), error => console.error(`no IPv6: ${error.message}`))
    .then(() => server('127.0.0.1', '127.0.0.1'))
    .then(port => console.log(`port ${port}`))
    .catch(error => {
        console.error(error);
        process.exit(1);
    });
