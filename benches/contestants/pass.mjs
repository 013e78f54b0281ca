// The floor: hands the origin's response on. Its body never enters JavaScript.
export default {
  async fetch(request) {
    return fetch("http://localhost:8008" + new URL(request.url).pathname);
  },
};
